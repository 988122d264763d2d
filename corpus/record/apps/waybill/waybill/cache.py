import logging
import os

log = logging.getLogger("waybill.cache")


class LabelCache:
    """Rendered label templates, one file per carrier product."""

    PRODUCTS = ["letter", "small", "medium", "large", "bulky", "return", "express", "pallet"]

    def __init__(self, root):
        self.root = root

    def warm(self):
        os.makedirs(self.root, exist_ok=True)
        for p in self.PRODUCTS:
            path = os.path.join(self.root, p + ".zpl")
            with open(path, "wb") as f:
                f.write(b"^XA^FO50,50^FD" + p.encode() * 9000 + b"^FS^XZ")
            log.info("template %s written", path)
