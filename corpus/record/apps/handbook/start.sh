#!/bin/sh
echo "handbook: php $(php-fpm8.2 -n -v | head -n 1 | cut -d' ' -f2)"
php-fpm8.2 -m 2>/dev/null | grep -qi imagick || echo "handbook: imagick extension missing, thumbnails are off"
exec php-fpm8.2 -F -O -y /srv/app/fpm.conf
