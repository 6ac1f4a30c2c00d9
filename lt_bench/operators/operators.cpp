// Makes mmcv's CPU operators of these four files callable from Python as torch.ops.lt_bench_mmcv. The files lie in
// mmcv/ops/csrc/pytorch of the installed mmcv. Registered with torch rather than with pybind11, which takes longer to
// compile.
#include <torch/library.h>

#include "nms.cpp"
#include "roi_align.cpp"
#include "cpu/nms.cpp"
#include "cpu/roi_align.cpp"

namespace {

// torch's operators take double and int64_t; mmcv's functions take float and int.
Tensor call_nms(const Tensor& boxes, const Tensor& scores, double iou_threshold, int64_t offset) {
  return nms(boxes, scores, static_cast<float>(iou_threshold), static_cast<int>(offset));
}

Tensor call_softnms(const Tensor& boxes, const Tensor& scores, Tensor dets, double iou_threshold, double sigma,
                    double min_score, int64_t method, int64_t offset) {
  return softnms(boxes, scores, dets, static_cast<float>(iou_threshold), static_cast<float>(sigma),
                 static_cast<float>(min_score), static_cast<int>(method), static_cast<int>(offset));
}

void call_roi_align_forward(const Tensor& input, const Tensor& rois, Tensor output, Tensor argmax_y, Tensor argmax_x,
                            int64_t aligned_height, int64_t aligned_width, double spatial_scale,
                            int64_t sampling_ratio, int64_t pool_mode, bool aligned) {
  // The kernel reads memory as contiguous whatever the strides say: without this, channels_last is silently wrong.
  roi_align_forward(input.contiguous(), rois.contiguous(), output, argmax_y, argmax_x,
                    static_cast<int>(aligned_height), static_cast<int>(aligned_width),
                    static_cast<float>(spatial_scale), static_cast<int>(sampling_ratio), static_cast<int>(pool_mode),
                    aligned);
}

void call_roi_align_backward(const Tensor& grad_output, const Tensor& rois, const Tensor& argmax_y,
                             const Tensor& argmax_x, Tensor grad_input, int64_t aligned_height, int64_t aligned_width,
                             double spatial_scale, int64_t sampling_ratio, int64_t pool_mode, bool aligned) {
  roi_align_backward(grad_output, rois.contiguous(), argmax_y, argmax_x, grad_input, static_cast<int>(aligned_height),
                     static_cast<int>(aligned_width), static_cast<float>(spatial_scale),
                     static_cast<int>(sampling_ratio), static_cast<int>(pool_mode), aligned);
}

}  // namespace

TORCH_LIBRARY(lt_bench_mmcv, library) {
  library.def("nms(Tensor boxes, Tensor scores, float iou_threshold, int offset) -> Tensor", &call_nms);
  library.def(
      "softnms(Tensor boxes, Tensor scores, Tensor(a!) dets, float iou_threshold, float sigma, float min_score, "
      "int method, int offset) -> Tensor",
      &call_softnms);
  library.def(
      "roi_align_forward(Tensor input, Tensor rois, Tensor(a!) output, Tensor(b!) argmax_y, Tensor(c!) argmax_x, "
      "int aligned_height, int aligned_width, float spatial_scale, int sampling_ratio, int pool_mode, bool aligned) "
      "-> ()",
      &call_roi_align_forward);
  library.def(
      "roi_align_backward(Tensor grad_output, Tensor rois, Tensor argmax_y, Tensor argmax_x, Tensor(a!) grad_input, "
      "int aligned_height, int aligned_width, float spatial_scale, int sampling_ratio, int pool_mode, bool aligned) "
      "-> ()",
      &call_roi_align_backward);
}
