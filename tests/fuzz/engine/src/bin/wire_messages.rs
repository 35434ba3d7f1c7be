//! libFuzzer on [`fuzz_targets::wire_messages`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::wire_messages::run(bytes));
