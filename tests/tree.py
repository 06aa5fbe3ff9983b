"""What the checks of the source tree share: which files there are, and what the CMake files register."""
import pathlib
import re

# Folders and files of the project itself; whatever else lies in a checkout (data, downloads) is not ours.
OWN = ("src", "tests", "scripts", "specs", "docs", "cmake", "bench", "tools", ".ci", "web")
SKIPPED = {"__pycache__", "node_modules", ".git"}
TEXT = {".cc", ".h", ".c", ".py", ".sh", ".md", ".json", ".txt", ".cmake", ".toml", ".yml", ".yaml", ""}


def own_files(root, suffixes=None):
    """The project's files as paths relative to `root`, sorted."""
    root = pathlib.Path(root)
    found = [p for p in root.iterdir() if p.is_file() and p.name != ".git"]
    for name in OWN:
        found += [p for p in (root / name).rglob("*") if p.is_file()]
    relative = sorted(p.relative_to(root) for p in found)
    return [p for p in relative
            if not SKIPPED & set(p.parts) and (suffixes is None or p.suffix in suffixes)]


def room_of(path):
    """"src/dsp/mel.h" -> "dsp"; "src/recipes/ssis/x.cc" -> "recipes/ssis"; outside of src -> None."""
    parts = path.parts
    if len(parts) < 3 or parts[0] != "src":
        return None
    return "/".join(parts[1:3]) if parts[1] == "recipes" else parts[1]


def rooms(root):
    """Every room that has at least one C++ file or a CMakeLists.txt with a baleen_room call."""
    found = {room_of(p) for p in own_files(root, {".cc", ".h"})}
    return sorted(room for room in found if room)


def cmake_text(path):
    """A CMake file without its comments; "" where there is none."""
    if not path.is_file():
        return ""
    return re.sub(r"#[^\n]*", "", path.read_text())


SECTIONS = {"SRCS", "HDRS", "TESTS", "BENCHES", "DEPS", "LIBS", "PUBLIC_LIBS", "TEST_LIBS"}


def room_sections(root, room):
    """The lists of a room's baleen_room calls: {"SRCS": [...], "TESTS": [...], ...}."""
    lists = {name: [] for name in SECTIONS}
    text = cmake_text(pathlib.Path(root) / "src" / room / "CMakeLists.txt")
    for call in re.findall(r"baleen_room\(([^)]*)\)", text):
        section = None
        for word in call.split()[1:]:
            if word in SECTIONS:
                section = word
            elif section:
                lists[section].append(word)
    return lists
