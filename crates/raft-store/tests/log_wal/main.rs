//! The log as its users know it: what it answered is there after any crash,
//! and what was damaged is never passed off as good.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod driver;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod group;
#[cfg(test)]
#[path = "../shared/interrupted.rs"]
mod interrupted;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod race;
