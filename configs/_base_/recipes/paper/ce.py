# Cross-entropy as in mmdetection's LVIS baseline: repeat factor sampling, plain linear classifier, short warm-up.
recipe = dict(
    repeat_factor=1e-3,
    classifier=dict(type="Linear"),
    mask_predictor=dict(type="Conv"),
    prior_prob=None,
    warmup=dict(iters=500, start_factor=1e-3),
    milestones={"2x": [16, 22]},
    auto_hyper_parameters=False,
    hyper_parameters=dict(),
)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=0.02, momentum=0.9, weight_decay=1e-4),
)
