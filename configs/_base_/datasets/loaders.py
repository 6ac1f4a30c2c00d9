# What the loaders of every data set share.
train_dataloader = dict(
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(type="LVISFormatDataset", filter_cfg=dict(filter_empty_gt=True)),
)
test_dataloader = dict(
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="LVISFormatDataset", test_mode=True),
)
test_evaluator = dict(type="PredictionWriter")
