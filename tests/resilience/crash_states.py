"""What a power cut may leave: the states of a disk that are legal at any point of a recorded run.

The model is that of POSIX and no more (as in ALICE): fsync of a file makes its bytes and its size durable, fsync of a
folder its entries. Of everything else any part may be there or not: of what was written to a file any set of sectors,
of the entries of a folder a prefix of what was done to it, independently of all other folders; or, as a journal does
it, a prefix of what was done to all of them. A rename is atomic; between two folders the new name may be there before
the old one has gone.
"""
import bisect
import hashlib

FLAVOURS = ("none", "all", "journal", "folders", "bytes", "names")


class Content(bytes):
    """What is in one file. Two names of the same file have the same object."""


class File:
    def __init__(self):
        self.changes = []  # (index, offset, bytes) or (index, size, None)
        self.syncs = []


class Folder:
    def __init__(self):
        self.changes = []  # (index, [(name, object or None)], the folder that must have the change, too, or None)
        self.syncs = []
        self.brought = []  # (index of another folder's sync, up to where it makes this one durable): renames are whole.


class Disk:
    """The objects that a log of operations speaks of. Everything begins with an empty, durable root."""

    def __init__(self, operations):
        self.root = Folder()
        self.operations = operations
        self.folders = [self.root]
        self._names = {".": self.root}
        self._inodes = {}
        self._syncs = []
        for index, op in enumerate(operations):
            getattr(self, "_" + op.kind)(index, op)
        self._names = self._inodes = None

    def _place(self, path):
        parent, _, name = path.rpartition("/")
        return self._names[parent or "."], name

    def _enter(self, index, path, thing):
        folder, name = self._place(path)
        folder.changes.append((index, [(name, thing)], None))
        if thing is None:
            self._names.pop(path, None)
        else:
            self._names[path] = thing

    def _create(self, index, op):
        file = self._inodes[op.inode] = File()
        self._enter(index, op.path, file)

    def _write(self, index, op):
        self._inodes[op.inode].changes.append((index, op.offset, op.data))

    def _truncate(self, index, op):
        self._inodes[op.inode].changes.append((index, op.offset, None))

    def _sync(self, index, op):
        self._syncs.append(index)
        if op.offset == 0:
            self._inodes[op.inode].syncs.append(index)
            return
        folder = self._names[op.path]
        folder.syncs.append(index)
        for at, _, partner in folder.changes:
            if partner is not None:
                partner.brought.append((index, at + 1))

    def _rename(self, index, op):
        thing = self._names.pop(op.path)
        source, old = self._place(op.path)
        target, new = self._place(op.other)
        self._names[op.other] = thing
        if source is target:
            source.changes.append((index, [(old, None), (new, thing)], None))
        else:
            target.changes.append((index, [(new, thing)], None))
            source.changes.append((index, [(old, None)], target))

    def _link(self, index, op):
        self._enter(index, op.other, self._names[op.path])

    def _unlink(self, index, op):
        self._enter(index, op.path, None)

    def _mkdir(self, index, op):
        self._enter(index, op.path, Folder())
        self.folders.append(self._names[op.path])

    # ---- a state ----------------------------------------------------------------------------------

    def state(self, n, flavour, rng):
        """{path: Content, or None for a folder} after a power cut behind the first n operations."""
        contents, tree = {}, {}

        def content_of(file):
            if file not in contents:
                contents[file] = self._content(file, n, flavour, rng)
            return contents[file]
        self._walk(self.root, "", self._cuts(n, flavour, rng), tree, content_of)
        return tree

    def _cuts(self, n, flavour, rng):
        """For each folder: changes before this index are there."""
        n_synced = self._syncs[bisect.bisect_left(self._syncs, n) - 1] if self._syncs and self._syncs[0] < n else 0
        journal = rng.randint(n_synced, n)
        cuts = {}
        for folder in self.folders:
            durable = max([last_before(folder.syncs, n), *(until for index, until in folder.brought if index < n)])
            fixed = {"none": durable, "bytes": durable, "all": n, "journal": max(journal, durable)}
            cuts[folder] = fixed.get(flavour, -1)
            if cuts[folder] < 0:
                cuts[folder] = n if rng.random() < 0.3 else durable if rng.random() < 0.4 else rng.randint(durable, n)
        moves = [(folder, index, partner) for folder in self.folders for index, _, partner in folder.changes if partner]
        while True:  # What was moved away must have arrived.
            wrong = [(folder, index) for folder, index, partner in moves if cuts[partner] <= index < cuts[folder]]
            if not wrong:
                return cuts
            for folder, index in wrong:
                cuts[folder] = min(cuts[folder], index)

    def _walk(self, folder, prefix, cuts, tree, content):
        entries = {}
        for index, names, _ in folder.changes:
            if index >= cuts[folder]:
                break
            for name, thing in names:
                entries.pop(name, None)
                if thing is not None:
                    entries[name] = thing
        for name, thing in entries.items():
            if isinstance(thing, Folder):
                tree[prefix + name + "/"] = None
                self._walk(thing, prefix + name + "/", cuts, tree, content)
            else:
                tree[prefix + name] = content(thing)

    def _content(self, file, n, flavour, rng):
        durable = last_before(file.syncs, n)
        fixed = {"none": "none", "names": "none", "all": "all"}
        mode = fixed.get(flavour) or rng.choice(("none", "all", "some", "some", "torn"))
        sector = rng.choice((512, 4096))
        keep = rng.choice((0.1, 0.5, 0.9))
        content = bytearray()
        for index, at, data in file.changes:
            if index >= n:
                break
            is_safe = index < durable or mode == "all"
            if not is_safe and (mode == "none" or mode == "some" and rng.random() > keep):
                continue
            if data is None:
                del content[at:]
                content.extend(bytes(at - len(content)))
            elif is_safe or mode == "some":
                put(content, at, data)
            else:
                for begin, end in sectors(at, len(data), sector):
                    if rng.random() < keep:
                        put(content, begin, data[begin - at:end - at])
        return Content(content)


def last_before(indices, n):
    """The greatest one below n, plus one; 0 if there is none. What came before it is durable."""
    i = bisect.bisect_left(indices, n)
    return indices[i - 1] if i else 0


def put(content, at, data):
    if len(content) < at:
        content.extend(bytes(at - len(content)))
    content[at:at + len(data)] = data


def sectors(at, size, sector):
    begin = at
    while begin < at + size:
        end = min((begin // sector + 1) * sector, at + size)
        yield begin, end
        begin = end


def digest_of(tree):
    """Equal states have equal digests."""
    found = hashlib.sha256()
    for path in sorted(tree):
        found.update(f"{path}\n{hashlib.sha256(tree[path] or b'').hexdigest()}\n".encode())
    return found.digest()
