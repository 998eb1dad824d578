//! Where the parts of backups are in the object store.

use super::blob::ObjectName;
use super::id::{BackupId, TenantUid};

/// Where a backup is in the object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupPlace {
    /// Whose.
    pub tenant: TenantUid,
    /// Which backup.
    pub backup: BackupId,
    /// The claim that wrote it; a later one has the greater number.
    pub attempt: i64,
}

/// The segment that says which others there are.
const MANIFEST: &str = "manifest";

impl BackupPlace {
    /// A part of the rows of a table.
    pub fn part(self, table: &str, part: usize) -> SegmentPart {
        SegmentPart { place: self, segment: table.to_owned(), part }
    }

    /// The manifest.
    pub fn manifest(self) -> SegmentPart {
        self.part(MANIFEST, 0)
    }

    /// The place of the backup whose manifest has that name.
    pub fn of_manifest(name: &str) -> Option<Self> {
        let mut steps = name.strip_prefix("backups/")?.split('/');
        let place = Self {
            tenant: TenantUid::parse(steps.next()?)?,
            backup: BackupId::parse(steps.next()?)?,
            attempt: steps.next()?.parse().ok()?,
        };
        (ObjectName::from(place.manifest()).as_str() == name).then_some(place)
    }
}

/// The name of a part of a segment in the object store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentPart {
    /// Of which backup.
    place: BackupPlace,
    /// The segment: a table, or the manifest.
    segment: String,
    /// Which part, from 0.
    part: usize,
}

impl From<SegmentPart> for ObjectName {
    fn from(SegmentPart { place, segment, part }: SegmentPart) -> Self {
        let BackupPlace { tenant, backup, attempt } = place;
        Self::new(format!("backups/{tenant}/{backup}/{attempt}/{segment}.{part}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_manifest_says_where_the_backup_is_and_no_other_name_does() {
        let place = BackupPlace { tenant: TenantUid::new(), backup: BackupId::new(), attempt: 7 };
        let name = ObjectName::from(place.manifest());
        assert_eq!(BackupPlace::of_manifest(name.as_str()), Some(place));
        let others = [
            ObjectName::from(place.part("users", 0)).as_str().to_owned(),
            name.as_str().replace("/7/", "/07/"),
            format!("{}/x", name.as_str()),
            format!("{}1", name.as_str()),
            name.as_str().replace("backups/", "blobs/"),
        ];
        for other in others {
            assert_eq!(BackupPlace::of_manifest(&other), None, "{other}");
        }
    }
}
