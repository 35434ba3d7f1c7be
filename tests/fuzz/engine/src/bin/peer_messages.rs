//! libFuzzer on [`fuzz_targets::peer_messages`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::peer_messages::run(bytes));
