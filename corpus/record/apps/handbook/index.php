<?php echo "handbook ok\n";
