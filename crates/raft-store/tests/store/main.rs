//! The whole store: what it remembers over crashes, damage and kills.

#[cfg(test)]
mod behind;
#[cfg(test)]
mod check;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod driver;
#[cfg(test)]
mod frozen;
#[cfg(test)]
mod history;
#[cfg(test)]
mod identity;
#[cfg(test)]
#[path = "../shared/interrupted.rs"]
mod interrupted;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod race;
#[cfg(test)]
mod rebuild;
#[cfg(test)]
mod single_node;
#[cfg(test)]
mod snapshot;
#[cfg(test)]
mod suite;
