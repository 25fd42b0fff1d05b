"""Ready-made packs of labeling functions.

A pack is a module of labeling functions with its class names in ``LABELS``::

    from weaklabel import apply, load_pack

    votes = apply(load_pack("labeling_functions.youtube_spam"), comments)

=================  ==============================================  =====================
pack               rows                                            classes
=================  ==============================================  =====================
``breast_cancer``  scikit-learn's breast-cancer table              malignant, benign
``youtube_spam``   comments under music videos, column CONTENT     HAM, SPAM
=================  ==============================================  =====================

Packs are also meant to be read and copied: they use the public names of ``weaklabel`` only.
"""
