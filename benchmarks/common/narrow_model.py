"""A detector with narrow layers, for runs that are not about the network: the tests' and those that are killed."""

from __future__ import annotations

from collections.abc import Sequence

# A block that halves the resolution is given as many channels as this. With 8, the backward pass of its 1x1 convolution
# of stride 2 corrupts the heap in torch 2.13 on a CPU, with channels_last: "corrupted size vs. prev_size", at times.
BASE_CHANNELS = 16


def small_model(heads: Sequence[str] = ("bbox_head",), masks: bool = True) -> tuple[str, ...]:
    """Options of `run` for a ResNet-18 with narrow layers. heads: of the RoIs. masks: whether there is a mask head
    beside them.
    """
    of_masks = {
        "roi_head.mask_roi_extractor": {"out_channels": 16},
        "roi_head.mask_head": {"in_channels": 16, "conv_out_channels": 16},
    }
    blocks = {
        "backbone": {"depth": 18, "base_channels": BASE_CHANNELS},
        "neck": {"in_channels": [BASE_CHANNELS << stage for stage in range(4)], "out_channels": 16},
        "rpn_head": {"in_channels": 16, "feat_channels": 16},
        "roi_head.bbox_roi_extractor": {"out_channels": 16},
        **(of_masks if masks else {}),
        **{f"roi_head.{head}": {"in_channels": 16, "fc_out_channels": 32} for head in heads},
    }
    return tuple(word for name, values in blocks.items() for word in ("--set", f"model.{name}={values}"))
