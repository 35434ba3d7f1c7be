//! The block in a file of others: no byte outside it changes, whatever stands there.

use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use hosts::format::block::{BEGIN, Block, END, append, find, shadows};
use hosts::format::{hosts_file, render};
use hosts::{Projection, View};

use crate::same::{can_be_shown, imported};

/// What foreign files are made of.
#[derive(Arbitrary, Debug)]
enum Piece<'a> {
    Begin,
    End,
    Lf,
    CrLf,
    Blank,
    Host,
    Bytes(&'a [u8]),
}

/// Puts a file together and writes the block of it.
pub fn run(bytes: &[u8]) {
    static HOSTS: LazyLock<Projection> = LazyLock::new(|| {
        let file =
            b"10.0.0.7 nas.lan n.lan # BEGIN router-hosts\n10.0.0.8 tv.lan # END router-hosts\n";
        imported(&hosts_file::parse(file).unwrap().rows)
    });
    static RENDERING: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let view = View {
            comments: true,
            cluster: Some(1),
        };
        render::render(&HOSTS, &view)
    });
    let Ok(pieces) = Vec::<Piece<'_>>::arbitrary_take_rest(Unstructured::new(bytes)) else {
        return;
    };
    let file: Vec<u8> = pieces.iter().flat_map(Piece::bytes).copied().collect();
    let told = |block| {
        let told = shadows(&file, block, &HOSTS);
        assert!(told.total >= told.shown.len() && told.total <= 3);
        let lines = file.split_inclusive(|&b| b == b'\n').count();
        assert!(
            told.shown
                .iter()
                .all(|(line, _)| (1..=lines).contains(&(*line as usize)))
        );
    };
    match find(&file) {
        Err(error) => can_be_shown(&error),
        Ok(None) => {
            told(None);
            let with = append(&file, &RENDERING);
            assert!(with.starts_with(&file));
            let block = find(&with).unwrap().unwrap();
            assert_eq!(block.inside, *RENDERING);
        }
        Ok(Some(block)) => {
            told(Some(block));
            let Block {
                before,
                inside,
                after,
            } = block;
            assert_eq!([before, inside, after].concat(), file);
            assert_eq!(block.with(inside), file);
            let with = block.with(&RENDERING);
            let ours = Block {
                before,
                inside: &RENDERING,
                after,
            };
            assert_eq!(find(&with), Ok(Some(ours)));
        }
    }
}

impl Piece<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Begin => BEGIN.as_bytes(),
            Self::End => END.as_bytes(),
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
            Self::Blank => b" \t",
            Self::Host => b"10.9.9.9 nas.lan other.lan tv.lan",
            Self::Bytes(bytes) => bytes,
        }
    }
}
