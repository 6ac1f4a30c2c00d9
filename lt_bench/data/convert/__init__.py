"""Data sets of other forms, written in LVIS's form.

source.py       what a form gives of one split: the seam between a form and all the rest
coco.py         COCO JSON; each further form is a module beside it and a line in FORMS (forms.py)
find_coco.py    which file is which split, and where the images are
forms.py        the forms by name
options.py      what can be asked for
counting.py     first pass: which image shows which class, and how often
writing.py      second pass: the LVIS file
categories.py   one list of classes, with counts and groups
shapes.py       areas and polygons that are missing
report.py       what was changed, in words
conversion.py   train and val together, from sources to files
to_folder.py    into a folder, for `data convert`
in_place.py     the same behind the scenes, into the cache, for `run`, `eval` and `data check`
"""
