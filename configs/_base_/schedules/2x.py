# 2x: 24 epochs, learning rate divided by ten after 20 and 22.
schedule = dict(epochs=24, milestones=[20, 22], gamma=0.1)
