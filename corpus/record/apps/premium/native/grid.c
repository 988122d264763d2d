int grid_cells(int zone) { return zone * 4096; }
