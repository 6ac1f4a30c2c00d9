"""Reading the official files of Open Images (Kuznetsova et al., IJCV 2020): V5 to V7, and the challenge of 2019.

releases.py       what the files of a release are called
files.py          which of them are there
tables.py         rows of a CSV file
classes.py        the list of classes, and which class is a kind of which
picture_files.py  where images and masks are
boxes.py          the objects of a split as the files have them, each once: boxes, with their masks
mask_rows.py      the rows of the masks, looked up by image, class and box
mask_pixels.py    a mask's PNG file as run lengths of its image's size
survey.py         one pass over a split: its images, what they show, and what is verified of them
notes.py          what was taken for granted and left out, in words
reader.py         a split as a Source: images, and annotations with those of the classes above
"""
