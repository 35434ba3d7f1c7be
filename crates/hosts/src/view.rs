//! What a rendering shows. Two nodes with equal views write equal bytes at equal revisions.

/// The choices of one rendering of the hosts file. The default is the shortest: no comments, no cluster.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct View {
    /// Whether the comment of a host follows its names on its first line.
    pub comments: bool,
    /// The bits of the ULID of the cluster these hosts belong to, for the header; `None` leaves it out, as in an
    /// export. A node reads it back from its own file: the revisions of another cluster do not count here.
    pub cluster: Option<u128>,
}
