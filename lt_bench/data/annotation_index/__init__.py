"""The index of an annotation file: where each image and each annotation lies in it, and what is looked up of all.

An index holds no annotation, only places in the annotation file, and few numbers of each: 120 MB for the 1.1 GB of LVIS
v1's training set. It is made in one pass that keeps no annotation in memory (`building`), and kept in a cache under the
SHA-256 of the annotation file, from which all processes of a machine map the same memory (`store`).
"""
