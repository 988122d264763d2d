require 'pg'

class Store
  def initialize(url)
    tries = 0
    begin
      @db = PG.connect(url, connect_timeout: 4)
    rescue PG::ConnectionBad => e
      tries += 1
      raise if tries > Integer(ENV.fetch('DB_TRIES', '2'))
      warn "store: attempt #{tries} failed, trying again: #{e.message.lines.first.strip}"
      sleep 0.7
      retry
    end
  end

  def rooms
    @db.exec('SELECT count(*) FROM rooms').getvalue(0, 0).to_i
  end
end
