"""This module writes LiteRT's files (.tflite): a graph of tensors and operators in the FlatBuffers schema of LiteRT.

Tensors between operators have no names, and equal constants are stored once: a file holds nothing but the network.

Shapes: N batch of any size, the first axis of each tensor that is computed.
"""

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

VERSION = 3  # of the schema
IDENTIFIER = b"TFL3"
ALIGNMENT = 16  # of constants, as the schema says
SIGNATURE = "serving_default"
BATCH = -1
_NEWEST_IN_ONE_BYTE = 127  # codes of operators beyond it have a field of their own
_TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.int32): schema.TensorType.INT32,
    np.dtype(np.int8): schema.TensorType.INT8,
}


class LiteRtGraph:
    """A LiteRtGraph grows by constants and operators, which are told by their numbers, and becomes a file.

    Shapes of its tensors are of a batch of 1; the file says that this axis may have any length.
    """

    def __init__(self, name: str, columns: int) -> None:
        self._tensors: list[Any] = []
        self._constants: dict[tuple[object, ...], int] = {}
        self._buffers: list[Any] = [_Buffer(b"")]  # the first one is nothing, by the schema
        self._operators: list[Any] = []
        self._codes: dict[tuple[int, int], int] = {}
        self.input = self._tensor((1, columns), name=name)

    def constant(self, values: np.ndarray, scales: np.ndarray | None = None) -> int:
        """Adds a constant; with `scales`, one or as many as its first axis is long, it is whole numbers of them."""
        values = np.ascontiguousarray(values)
        key = (values.dtype, values.shape, values.tobytes(), None if scales is None else scales.tobytes())
        if key not in self._constants:
            self._buffers.append(_Buffer(values.tobytes()))
            self._constants[key] = self._tensor(values.shape, _TYPES[values.dtype], buffer=len(self._buffers) - 1)
            if scales is not None:
                self._tensors[-1].quantization = _whole_numbers(scales)
        return self._constants[key]

    def whole(self, *numbers: object) -> int:
        """Adds a constant of whole numbers, such as a shape."""
        return self.constant(np.array(numbers, dtype=np.int32))

    def node(
        self, kind: str, *inputs: int, shape: Sequence[int], version: int = 1, options: str = "", **stated: Any
    ) -> int:
        """Adds an operator, with the table of options that the schema has for it. Returns the tensor that it makes."""
        operator, code = schema.OperatorT(), getattr(schema.BuiltinOperator, kind)
        operator.opcodeIndex = self._codes.setdefault((code, version), len(self._codes))
        made = self._tensor(shape)
        operator.inputs, operator.outputs = [*inputs], [made]
        if options:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            operator.builtinOptions = getattr(schema, f"{options}T")()
            assert stated.keys() <= vars(operator.builtinOptions).keys(), "the schema has each option"
            vars(operator.builtinOptions).update(stated)
        self._operators.append(operator)
        return made

    def shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(self._tensors[tensor].shape)

    def file(self, output: int, *, name: str) -> bytes:
        """Returns the whole file, in which a tensor of this graph is the output of that name."""
        self._tensors[output].name = name
        for each in (self.input, output):
            self._tensors[each].shapeSignature = [BATCH, *self.shape(each)[1:]]
        subgraph, model = schema.SubGraphT(), schema.ModelT()
        subgraph.tensors, subgraph.operators = self._tensors, self._operators
        subgraph.inputs, subgraph.outputs = [self.input], [output]
        model.version, model.description = VERSION, "ganlimit"
        model.subgraphs, model.buffers = [subgraph], self._buffers
        model.operatorCodes = [_operator_code(*pair) for pair in self._codes]
        model.signatureDefs = [self._signature(output)]
        builder = flatbuffers.Builder(0)
        builder.Finish(model.Pack(builder), IDENTIFIER)
        return bytes(builder.Output())

    def _tensor(self, shape: Sequence[int], kind: int = schema.TensorType.FLOAT32, *, buffer: int = 0,
                name: str | None = None) -> int:  # fmt: skip
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer, tensor.name = [*shape], kind, buffer, name
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _signature(self, output: int) -> Any:
        """Returns what lets a program name input and output rather than number them."""
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = SIGNATURE, 0
        signature.inputs, signature.outputs = [self._named(self.input)], [self._named(output)]
        return signature

    def _named(self, tensor: int) -> Any:
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = self._tensors[tensor].name, tensor
        return entry


class _Buffer(schema.BufferT):  # type: ignore[misc, unused-ignore]
    """A _Buffer lies where the schema wants it; the generated class would put it anywhere."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.content = content

    def Pack(self, builder: Any) -> int:  # noqa: N802 - the generated classes' name
        if self.content:
            builder.StartVector(1, len(self.content), ALIGNMENT)
            builder.head -= len(self.content)
            builder.Bytes[builder.head : builder.head + len(self.content)] = self.content
            content = builder.EndVector()
        schema.BufferStart(builder)
        if self.content:
            schema.BufferAddData(builder, content)
        return int(schema.BufferEnd(builder))


def _whole_numbers(scales: np.ndarray) -> Any:
    about = schema.QuantizationParametersT()
    about.scale, about.zeroPoint = scales.tolist(), [0] * len(scales)
    return about


def _operator_code(code: int, version: int) -> Any:
    entry = schema.OperatorCodeT()
    entry.builtinCode, entry.version = code, version
    entry.deprecatedBuiltinCode = min(code, _NEWEST_IN_ONE_BYTE)
    return entry
