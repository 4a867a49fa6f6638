//! A private Postgres from its first start to its last breath, on the Postgres of this machine.

#[cfg(test)]
#[cfg(target_os = "linux")]
mod account;
#[cfg(test)]
mod death;
#[cfg(test)]
mod refuse;
#[cfg(test)]
mod start;
#[cfg(test)]
mod support;
