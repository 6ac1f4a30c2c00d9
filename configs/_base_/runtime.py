# What every run shares and no number depends on.
default_scope = "mmdet"
custom_imports = dict(imports=["lt_bench.detector"], allow_failed_imports=False)
env_cfg = dict(
    cudnn_benchmark=False, mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0), dist_cfg=dict(backend="nccl")
)
default_hooks = dict(
    timer=dict(type="IterTimerHook"),
    logger=dict(type="LoggerHook", interval=50),
    param_scheduler=dict(type="ParamSchedulerHook"),
    checkpoint=dict(type="RunCheckpointHook", every="10min", keep=2, keep_epochs=False, most_share=0.05),
    sampler_seed=dict(type="DistSamplerSeedHook"),
)
# A loss that has become NaN never recovers: stop at once instead of wasting the rest of the run.
custom_hooks = [dict(type="FiniteLossHook", interval=50), dict(type="RunMeterHook")]
log_processor = dict(type="LogProcessor", window_size=50, by_epoch=True)
log_level = "INFO"
load_from = None
resume = False
val_cfg = None
val_dataloader = None
val_evaluator = None
test_cfg = dict(type="TestLoop")
