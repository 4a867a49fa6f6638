//! The one Postgres of a test run: prints its URL, and runs until standard input closes.

use std::io::{Read as _, Write as _};

use keyway_devdb::{Binaries, Cluster, Options};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let binaries = Binaries::find(None, std::env::var_os("PATH").as_deref())?;
    let cluster = Cluster::start(&Options::throwaway(binaries))?;
    println!("{}", cluster.url("postgres"));
    std::io::stdout().flush()?;
    let _ = std::io::stdin().read(&mut [0; 1])?;
    cluster.stop()?;
    Ok(())
}
