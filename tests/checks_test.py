#!/usr/bin/env python3
"""Tests of check_rooms.py and check_tree.py: each check passes a good tree and catches a bad one."""
import pathlib
import tempfile
import unittest

import check_rooms
import check_tree

TABLE = """
<!-- rooms: begin -->
| room | owns | may use | headers |
|---|---|---|---|
| `core` | everything dull | | `spdlog/` |
| `store` | the database | `core` | `sqlite3.h` |
| `dsp` | kernels | `core` | `hwy/` |
| `recipes/*` | stages | `core` `store` `dsp` | |
| `app` | main | `core` `store` `dsp` `recipes/*` | |
| `any` | | | `fmt/` |
<!-- rooms: end -->
"""
GOOD = {
    "ARCHITECTURE.md": TABLE,
    "docs/errors.md": "| `DISK_FULL` |\n",
    "specs/errors.json": '{"errors": [{"code": "DISK_FULL"}]}\n',
    "tests/CMakeLists.txt": "add_test(NAME a COMMAND check_it.py)\n",
    "tests/check_it.py": "",
    "src/core/README.md": "[the plan](../../ARCHITECTURE.md#rooms)\n",
    "src/core/CMakeLists.txt": "baleen_room(core\n  SRCS log.cc\n  HDRS log.h\n  TESTS log_test.cc)\n",
    "src/core/log.h": "#pragma once\n#include <fmt/format.h>\n#include <string>\n",
    "src/core/log.cc": '#include "core/log.h"\n#include <spdlog/spdlog.h>\n#include <sys/stat.h>\n#include <unistd.h>\n',
    "src/core/log_test.cc": '#include "core/log.h"\n#include <gtest/gtest.h>\nTEST(Log, Writes) {}\n',
    "src/recipes/ssis/README.md": "",
    "src/recipes/ssis/CMakeLists.txt": "baleen_room(recipes/ssis SRCS a.cc DEPS core dsp)  # DEPS store\n",
    "src/recipes/ssis/a.cc": '#include "core/log.h"\n#include "dsp/mel.h"\n',
}


class Checks(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def tree(self, **changes):
        """A good tree with some files replaced; the keys are paths with "__" for "/" and "___" for "."."""
        files = dict(GOOD)
        files.update({key.replace("___", ".").replace("__", "/"): text for key, text in changes.items()})
        root = pathlib.Path(self.folder.name)
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink(missing_ok=True)
            else:
                path.write_text(text)
        return root

    def rooms_say(self, expected, **changes):
        found = check_rooms.problems(self.tree(**changes))
        self.assertEqual(len(found), 1, found)
        self.assertIn(expected, found[0])

    def tree_says(self, expected, **changes):
        found = check_tree.problems(self.tree(**changes))
        self.assertEqual(len(found), 1, found)
        self.assertIn(expected, found[0])

    def test_a_good_tree_has_no_problems(self):
        self.assertEqual(check_rooms.problems(self.tree()), [])
        self.assertEqual(check_tree.problems(self.tree()), [])

    def test_an_include_that_points_up_is_found(self):
        self.rooms_say("src/core/log.h:2: core may not use dsp", src__core__log___h='#pragma once\n#include "dsp/mel.h"\n')

    def test_an_include_in_angle_brackets_does_not_hide_a_room(self):
        self.rooms_say("core may not use dsp", src__core__log___h="#include <dsp/mel.h>\n")

    def test_one_recipe_may_not_use_another(self):
        self.rooms_say("recipes/ssis may not use recipes/stems",
                       src__recipes__ssis__a___cc='#include "recipes/stems/b.h"\n')

    def test_a_third_party_header_in_the_wrong_room_is_found(self):
        self.rooms_say("<sqlite3.h>, which only store may see", src__core__log___h="#include <sqlite3.h>\n")

    def test_quotes_do_not_hide_a_third_party_header(self):
        self.rooms_say("<hwy/highway.h>, which only dsp may see", src__core__log___h='#include "hwy/highway.h"\n')

    def test_a_third_party_header_that_nobody_owns_is_found(self):
        self.rooms_say("<fftw3.h>, which no room", src__core__log___h="#include <fftw3.h>\n")

    def test_a_test_library_in_a_source_file_is_found(self):
        self.rooms_say("which is for tests", src__core__log___cc="#include <gtest/gtest.h>\n")

    def test_an_include_without_its_room_is_found(self):
        self.rooms_say('write "room/file.h", not "log.h"', src__core__log___cc='#include "log.h"\n')

    def test_helpers_of_tests_are_for_tests(self):
        include = '#include "support/signals.h"\n'
        self.assertEqual(check_rooms.problems(self.tree(src__core__log_test___cc=include)), [])
        self.rooms_say('not "support/signals.h"', src__core__log___cc=include)

    def test_a_room_that_the_table_lacks_is_found(self):
        self.rooms_say("the room magic is missing", src__magic__a___cc="\n")

    def test_a_link_of_cmake_that_the_table_forbids_is_found(self):
        self.rooms_say("core may not use store (DEPS)",
                       src__core__CMakeLists___txt="baleen_room(core SRCS log.cc HDRS log.h DEPS store)\n")

    def test_a_table_with_a_cycle_is_found(self):
        self.rooms_say("core may use store, which is not above it",
                       ARCHITECTURE___md=TABLE.replace("everything dull | |", "everything dull | `store` |"))

    def test_an_unregistered_test_is_found(self):
        self.tree_says("src/core/new_test.cc: not in TESTS", src__core__new_test___cc="")

    def test_a_test_registered_as_a_mere_source_is_found(self):
        self.tree_says("log_test.cc: not in TESTS", src__core__CMakeLists___txt=
                       "baleen_room(core SRCS log.cc log_test.cc HDRS log.h)\n")

    def test_a_test_in_a_comment_of_cmake_is_found(self):
        self.tree_says("log_test.cc: not in TESTS", src__core__CMakeLists___txt=
                       "baleen_room(core SRCS log.cc HDRS log.h\n  # TESTS log_test.cc\n)\n")

    def test_a_source_that_is_never_compiled_is_found(self):
        self.tree_says("never compiled", src__core__old___cc="")

    def test_a_private_header_that_another_room_uses_is_found(self):
        self.assertEqual(check_tree.problems(self.tree(src__core__own___h="")), [])
        self.tree_says("src/recipes/ssis/a.cc includes it",
                       src__recipes__ssis__a___cc='#include "core/own.h"\n')

    def test_a_check_that_is_not_registered_is_found(self):
        self.tree_says("tests/check_more.py: not in a CMakeLists.txt", tests__check_more___py="")

    def test_a_test_in_a_folder_of_tests_that_is_not_registered_is_found(self):
        self.tree_says("tests/e2e/run_test.py: not in a CMakeLists.txt", tests__e2e__run_test___py="")
        root = self.tree(tests__e2e__run_test___py="", tests__e2e__CMakeLists___txt="baleen_e2e(run)\n")
        self.assertEqual(check_tree.problems(root), [])

    def test_a_test_that_is_switched_off_is_found(self):
        self.tree_says("DISABLED_", src__core__log_test___cc="TEST(Log, DISABLED_Writes) {}\n")

    def test_a_room_without_a_readme_is_found(self):
        self.tree_says("src/core: has no README.md", src__core__README___md=None)

    def test_a_folder_of_one_machine_is_found(self):
        self.tree_says("docs/a.md:2", docs__a___md="work/home/root\nsee /" + "work/notes\n")
        self.tree_says("docs/a.md:1", docs__a___md="see /" + "home/ann/notes\n")

    def test_a_dead_link_is_found(self):
        self.tree_says("links to missing.md", docs__a___md="[x](missing.md) [y](https://example.org/z.md)\n")

    def test_a_json_file_that_cannot_be_read_is_found(self):
        self.tree_says("specs/a.json", specs__a___json="{,}")

    def test_an_error_code_that_is_not_documented_is_found(self):
        self.tree_says("does not explain DISK_FULL", docs__errors___md="")


if __name__ == "__main__":
    unittest.main()
