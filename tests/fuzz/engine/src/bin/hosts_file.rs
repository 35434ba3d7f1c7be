//! libFuzzer on [`fuzz_targets::hosts_file`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::hosts_file::run(bytes));
