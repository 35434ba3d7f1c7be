//! What a rendering shows. Two nodes with equal views write equal bytes at equal revisions.

/// The choices of one rendering of the hosts file. The default is the shortest: no comments.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct View {
    /// Whether the comment of a host follows its names on its first line.
    pub comments: bool,
}
