package io.premium;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

class HazardModel {
    private static final Logger LOG = LogManager.getLogger(HazardModel.class);

    private static native int cells(int zone);

    public void open() {
        System.loadLibrary("hazard");
        LOG.info("Hazard model loaded, {} cells", cells(7));
    }
}
