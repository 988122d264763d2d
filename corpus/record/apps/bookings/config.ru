require_relative 'app'
run Bookings
