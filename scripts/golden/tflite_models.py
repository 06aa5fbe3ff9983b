#!/usr/bin/env python3
"""Makes tests/golden/tflite: the smallest real TensorFlow Lite models, embedding = samples + samples.

usage: tflite_models.py OUTPUT_DIRECTORY       (needs flatbuffers and tflite of PyPI; the project's tests do not)
"""

import pathlib
import sys

import flatbuffers
import tflite as fb


def ints(builder, start, values):
    start(builder, len(values))
    for value in reversed(values):
        builder.PrependInt32(value)
    return builder.EndVector()


def offsets(builder, start, values):
    start(builder, len(values))
    for value in reversed(values):
        builder.PrependUOffsetTRelative(value)
    return builder.EndVector()


def tensor(builder, name, length, buffer):
    """float32 [1, length]; [1, any length] where that is None."""
    text = builder.CreateString(name)
    shape = ints(builder, fb.TensorStartShapeVector, [1, length or 1])
    signature = None
    if length is None:
        signature = ints(builder, fb.TensorStartShapeSignatureVector, [1, -1])
    fb.TensorStart(builder)
    fb.TensorAddShape(builder, shape)
    fb.TensorAddType(builder, fb.TensorType.FLOAT32)
    fb.TensorAddBuffer(builder, buffer)
    fb.TensorAddName(builder, text)
    if signature is not None:
        fb.TensorAddShapeSignature(builder, signature)
    return fb.TensorEnd(builder)


def empty_buffer(builder):
    fb.BufferStart(builder)
    return fb.BufferEnd(builder)


def add_operator(builder):
    inputs = ints(builder, fb.OperatorStartInputsVector, [0, 0])
    outputs = ints(builder, fb.OperatorStartOutputsVector, [1])
    fb.AddOptionsStart(builder)
    options = fb.AddOptionsEnd(builder)
    fb.OperatorStart(builder)
    fb.OperatorAddOpcodeIndex(builder, 0)
    fb.OperatorAddInputs(builder, inputs)
    fb.OperatorAddOutputs(builder, outputs)
    fb.OperatorAddBuiltinOptionsType(builder, fb.BuiltinOptions.AddOptions)
    fb.OperatorAddBuiltinOptions(builder, options)
    return fb.OperatorEnd(builder)


def model(length):
    builder = flatbuffers.Builder(1024)
    tensors = offsets(builder, fb.SubGraphStartTensorsVector,
                      [tensor(builder, "samples", length, 1), tensor(builder, "embedding", length, 2)])
    inputs = ints(builder, fb.SubGraphStartInputsVector, [0])
    outputs = ints(builder, fb.SubGraphStartOutputsVector, [1])
    operators = offsets(builder, fb.SubGraphStartOperatorsVector, [add_operator(builder)])
    fb.SubGraphStart(builder)
    fb.SubGraphAddTensors(builder, tensors)
    fb.SubGraphAddInputs(builder, inputs)
    fb.SubGraphAddOutputs(builder, outputs)
    fb.SubGraphAddOperators(builder, operators)
    subgraphs = [fb.SubGraphEnd(builder)]
    subgraphs = offsets(builder, fb.ModelStartSubgraphsVector, subgraphs)
    fb.OperatorCodeStart(builder)  # Zero is ADD.
    fb.OperatorCodeAddVersion(builder, 1)
    codes = [fb.OperatorCodeEnd(builder)]
    codes = offsets(builder, fb.ModelStartOperatorCodesVector, codes)
    buffers = offsets(builder, fb.ModelStartBuffersVector, [empty_buffer(builder) for _ in range(3)])
    fb.ModelStart(builder)
    fb.ModelAddVersion(builder, 3)
    fb.ModelAddOperatorCodes(builder, codes)
    fb.ModelAddSubgraphs(builder, subgraphs)
    fb.ModelAddBuffers(builder, buffers)
    builder.Finish(fb.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def main():
    directory = pathlib.Path(sys.argv[1])
    for name, length in (("twice_4", 4), ("twice_open", None)):
        (directory / f"{name}.tflite").write_bytes(model(length))


if __name__ == "__main__":
    main()
