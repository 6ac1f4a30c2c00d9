"""Reading the form of YOLO (Ultralytics): data.yaml, folders of images, and a text file with the objects of each.

https://docs.ultralytics.com/datasets/detect and .../datasets/segment describe it.

description.py  data.yaml: classes, and which images are of which split
labels.py       the objects of one image
reader.py       the sources of the splits
"""
