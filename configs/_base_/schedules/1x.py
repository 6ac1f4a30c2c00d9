# 1x: 12 epochs, learning rate divided by ten after 8 and 11.
schedule = dict(epochs=12, milestones=[8, 11], gamma=0.1)
