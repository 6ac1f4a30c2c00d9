# The recipe of the official ECM configs, for every loss: what moves AP as much as a loss does is fixed here.
recipe = dict(
    # repeat factor sampling, Gupta et al., CVPR 2019, section 4.2: frequencies below the threshold are repeated
    repeat_factor=1e-3,
    classifier=dict(type="NormedLinear", temperature=20),
    mask_predictor=dict(type="NormedConv2d", temperature=20),
    prior_prob=None,
    warmup=dict(iters=10000, start_factor=1e-4),
    # what a loss ties to the data, such as EQL's lambda_, follows from the data by its rule (lt_bench/api/auto.py)
    auto_hyper_parameters=True,
    hyper_parameters=dict(),
)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=0.02, momentum=0.9, weight_decay=1e-4),
    clip_grad=dict(max_norm=5, norm_type=2),
)
