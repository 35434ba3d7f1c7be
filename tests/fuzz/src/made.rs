//! Hosts and commands out of bytes: few names and addresses, so that they meet, and now and then any text.

use arbitrary::{Arbitrary, Result, Unstructured};
use hosts::{Address, Aliases, Comment, ConflictMode, HostPatch, Hostname, NewHost, Tag, Tags};

/// A host that the rules of its fields allow.
pub(crate) fn host(input: &mut Unstructured<'_>) -> Result<NewHost> {
    Ok(NewHost {
        address: address(input)?,
        hostname: name(input)?,
        aliases: aliases(input)?,
        tags: tags(input)?,
        comment: comment(input)?,
        enabled: input.ratio(7u8, 8u8)?,
    })
}

/// Up to eight of them.
pub(crate) fn hosts(input: &mut Unstructured<'_>) -> Result<Vec<NewHost>> {
    (0..input.int_in_range(0..=8u8)?)
        .map(|_| host(input))
        .collect()
}

/// Fields to change.
pub(crate) fn patch(input: &mut Unstructured<'_>) -> Result<HostPatch> {
    let mut patch = HostPatch::default();
    let which = input.int_in_range(0..=63u8)?;
    if which & 1 != 0 {
        patch.address = Some(address(input)?);
    }
    if which & 2 != 0 {
        patch.hostname = Some(name(input)?);
    }
    if which & 4 != 0 {
        patch.aliases = Some(aliases(input)?);
    }
    if which & 8 != 0 {
        patch.tags = Some(tags(input)?);
    }
    if which & 16 != 0 {
        patch.comment = Some(comment(input)?);
    }
    if which & 32 != 0 {
        patch.enabled = Some(bool::arbitrary(input)?);
    }
    Ok(patch)
}

/// One of the three.
pub(crate) fn mode(input: &mut Unstructured<'_>) -> Result<ConflictMode> {
    let modes = [
        ConflictMode::Skip,
        ConflictMode::Replace,
        ConflictMode::Strict,
    ];
    input.choose(&modes).copied()
}

fn address(input: &mut Unstructured<'_>) -> Result<Address> {
    Ok(match input.int_in_range(0..=9u8)? {
        0 => Address::new(u32::arbitrary(input)?.to_be_bytes().into()),
        1 => Address::new(u128::arbitrary(input)?.to_be_bytes().into()),
        2 => Address::parse("fd00::7").unwrap(),
        n => Address::new([10, 0, 0, n % 4].into()),
    })
}

fn name(input: &mut Unstructured<'_>) -> Result<Hostname> {
    let n = input.int_in_range(0..=15u8)?;
    if n == 15
        && let Ok(name) = Hostname::parse(<&str>::arbitrary(input)?)
    {
        return Ok(name);
    }
    let text = match n {
        14 => format!("{}.lan", "long-label-of-many-letters.".repeat(8)),
        n => format!("{}{n}.lan", if n % 2 == 0 { 'b' } else { 'a' }),
    };
    Ok(Hostname::parse(&text.replace("..", ".")).unwrap())
}

fn aliases(input: &mut Unstructured<'_>) -> Result<Aliases> {
    // Now and then more than fit on a line.
    let many = match input.int_in_range(0..=15u8)? {
        15 => 40,
        n => n / 4,
    };
    let names = (0..many).map(|n| match n {
        0..4 => name(input),
        _ => Ok(Hostname::parse(&format!("alias-{n}.lan")).unwrap()),
    });
    let names = names.collect::<Result<Vec<_>>>()?;
    Ok(Aliases::new(names).unwrap())
}

fn tags(input: &mut Unstructured<'_>) -> Result<Tags> {
    let mut tags = Vec::new();
    for _ in 0..input.int_in_range(0..=3u8)? {
        let typed = Tag::parse(<&str>::arbitrary(input)?);
        tags.push(typed.unwrap_or_else(|_| Tag::parse("t1").unwrap()));
    }
    Ok(Tags::new(tags).unwrap())
}

fn comment(input: &mut Unstructured<'_>) -> Result<Option<Comment>> {
    if input.ratio(2u8, 3u8)? {
        return Ok(None);
    }
    let typed = Comment::parse_optional(<&str>::arbitrary(input)?);
    Ok(typed.unwrap_or_default())
}
