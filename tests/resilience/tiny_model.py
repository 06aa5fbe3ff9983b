"""A network in YAMNet's shape, of 30 kB, made here: so that a model can be lost without one being needed.

Its embedding is 1024 times the sum of the patch, weighted; `seed` makes others of the same size.
"""
import hashlib
import json
import random
import struct

FLOAT = 1  # TensorProto.DataType
PATCH, EMBEDDING, CLASSES = (96, 64), 1024, 521


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def number(field, value):
    return varint(field << 3) + varint(value)


def text(field, value):
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def constant(name, shape, values):
    return (b"".join(number(1, size) for size in shape) + number(2, FLOAT) + text(8, name) +
            text(9, struct.pack(f"<{len(values)}f", *values)))


def tensor(name, shape):
    sizes = b"".join(text(1, text(2, "N") if size < 0 else number(1, size)) for size in shape)
    return text(1, name) + text(2, text(1, number(1, FLOAT) + text(2, sizes)))


def node(operator, inputs, output):
    return b"".join(text(1, name) for name in inputs) + text(2, output) + text(4, operator)


def yamnet(seed=0):
    """The bytes of the ONNX file (protobuf's wire form; the messages are those of onnx.proto3)."""
    rng = random.Random(seed)
    weights = [rng.uniform(-1e-3, 1e-3) for _ in range(PATCH[0] * PATCH[1])]
    nodes = [node("Flatten", ["log_mel_patches"], "flat"), node("MatMul", ["flat", "weights"], "sum"),
             node("Mul", ["sum", "embedding"], "embeddings"), node("Mul", ["sum", "classes"], "scores")]
    constants = [constant("weights", (len(weights), 1), weights),
                 constant("embedding", (1, EMBEDDING), [k / EMBEDDING for k in range(EMBEDDING)]),
                 constant("classes", (1, CLASSES), [k / CLASSES for k in range(CLASSES)])]
    graph = (b"".join(text(1, each) for each in nodes) + text(2, "tiny") +
             b"".join(text(5, each) for each in constants) +
             text(11, tensor("log_mel_patches", (-1, *PATCH))) + text(12, tensor("embeddings", (-1, EMBEDDING))) +
             text(12, tensor("scores", (-1, CLASSES))))
    return number(1, 8) + text(7, graph) + text(8, number(2, 13))


def install(models, seed=0):
    """Puts it and its card below the data root, as `baleen models add` would; the path of the file."""
    models.mkdir(parents=True, exist_ok=True)
    content = yamnet(seed)
    card = {"name": "tiny", "task": "yamnet", "file": "tiny.onnx", "format": "onnx",
            "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "url": None, "licence": "not stated",
            "source": "installed by the user", "origin": "a test", "sample_rate_hz": 16000}
    path = models / "tiny.onnx"
    path.write_bytes(content)
    (models / "tiny.json").write_text(json.dumps(card))
    return path
