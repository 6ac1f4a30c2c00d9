"""A simulated second device, for machines that have only a CPU.

A SimulatedTensor holds a CPU tensor and says that its device is `meta`, the one device type for which torch runs
autograd without a driver. Inside `simulated_device()` operations on such tensors run on what they hold, tensors made
with device=DEVICE are simulated, and an operation that mixes them with a CPU tensor is refused as a real device refuses
it. Only `.to()`, `.cpu()`, `.item()` and `copy_` cross over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from lt_bench.testing.result import NotApplicable

DEVICE = torch.device("meta")
CPU = torch.device("cpu")
_ATEN = torch.ops.aten
_FROM_NUMBERS = (torch.tensor, torch.as_tensor, torch.asarray)
_CROSSING = {_ATEN._to_copy.default, _ATEN.copy_.default, _ATEN._local_scalar_dense.default}
# Indices may lie on the CPU whatever device the indexed tensor is on; these are their positions.
_INDICES = {
    _ATEN.index.Tensor: 1,
    _ATEN.index_put.default: 1,
    _ATEN.index_put_.default: 1,
    _ATEN._index_put_impl_.default: 1,
}


class SimulatedTensor(Tensor):
    """A tensor on the simulated device. held: its values, on the CPU."""

    held: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, held: Tensor) -> SimulatedTensor:
        tensor: SimulatedTensor = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
            requires_grad=held.requires_grad,
        )
        tensor.held = held.detach()
        return tensor

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return _run(func, args, kwargs or {})

    def tolist(self) -> Any:
        return self.held.tolist()  # torch refuses it to every subclass

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"SimulatedTensor({self.held!r})"


class _Device(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class _FromNumbers(TorchFunctionMode):
    """Tensors made of Python's numbers: torch fills them before it dispatches, and on `meta` not at all."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is Tensor.new_tensor and isinstance(args[0], SimulatedTensor):
            func, kwargs = torch.tensor, {"dtype": args[0].dtype, "device": DEVICE, **kwargs}
            args = args[1:]
        if func in _FROM_NUMBERS and kwargs.get("device") is not None:
            device = torch.device(kwargs.pop("device"))
            return func(*args, **kwargs).to(device)
        if func in (Tensor.__getitem__, Tensor.__setitem__) and isinstance(args[0], SimulatedTensor):
            args = (args[0], _with_index_tensors(args[1]), *args[2:])
        return func(*args, **kwargs)


def _with_index_tensors(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(torch.tensor(one) if isinstance(one, list) else one for one in index)
    return torch.tensor(index) if isinstance(index, list) else index


@contextmanager
def simulated_device() -> Iterator[torch.device]:
    """The device that tensors can be moved to, and made on, inside."""
    with _FromNumbers(), _Device():  # type: ignore[no-untyped-call]
        yield DEVICE


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    leaves = [leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, Tensor)]
    simulated = any(isinstance(leaf, SimulatedTensor) for leaf in leaves)
    if any(leaf.device == DEVICE and not isinstance(leaf, SimulatedTensor) for leaf in leaves):
        raise NotApplicable(f"needs a real device: the simulated one can't follow {func}")
    if simulated and func not in _CROSSING:
        _refuse_mixture(func, args, kwargs)
    device = kwargs.get("device")
    if device is not None:
        device = torch.device(device)
        simulated = device.type == DEVICE.type
        kwargs = {**kwargs, "device": CPU}
    out = func(*tree_map(_held, args), **tree_map(_held, kwargs))
    if func is _ATEN._local_scalar_dense.default:
        return out
    if func is _ATEN.copy_.default:
        return args[0]
    written = _written(func, args, kwargs)
    if written:
        return written[0] if len(written) == 1 else tuple(written)
    return tree_map(lambda leaf: SimulatedTensor(leaf) if isinstance(leaf, Tensor) else leaf, out) if simulated else out


def _held(leaf: Any) -> Any:
    return leaf.held if isinstance(leaf, SimulatedTensor) else leaf


def _written(func: Any, args: Any, kwargs: dict[str, Any]) -> list[Any]:
    """The arguments that an operation writes to, if it returns them: those must come back as they were given."""
    if not any(value.alias_info is not None and value.alias_info.is_write for value in func._schema.returns):
        return []
    found = []
    for position, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            found.append(args[position] if position < len(args) else kwargs.get(argument.name))
    return found


def _refuse_mixture(func: Any, args: Any, kwargs: dict[str, Any]) -> None:
    indices = _INDICES.get(func)
    if indices is not None and isinstance(args[0], SimulatedTensor):
        args = [argument for position, argument in enumerate(args) if position != indices]
    for leaf in tree_flatten((args, kwargs))[0]:
        # Scalars may lie on the CPU.
        if isinstance(leaf, Tensor) and not isinstance(leaf, SimulatedTensor) and leaf.ndim:
            raise RuntimeError(
                f"{func}: expected all tensors on one device, but one of shape {list(leaf.shape)} is on {leaf.device} "
                "and another on the device that the loss was moved to"
            )
