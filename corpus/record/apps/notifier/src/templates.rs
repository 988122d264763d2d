use postgres::{Client, NoTls};
use std::error::Error;

pub fn load(dsn: &str) -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let mut c = Client::connect(dsn, NoTls)?;
    let rows = c.query("select name, body from template order by name", &[])?;
    Ok(rows.iter().map(|r| (r.get(0), r.get(1))).collect())
}
