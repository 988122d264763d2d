#include <jni.h>
int grid_cells(int zone);
JNIEXPORT jint JNICALL Java_io_premium_HazardModel_cells(JNIEnv *e, jclass c, jint zone) { return grid_cells(zone); }
