//! Where rooms are looked after beside the regions that the operator was told of.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use ivschat_core::room::{Failure, FailureClass};

/// How many regions beside those of `--regions`: statuses name them, and somebody may have made them up.
const OTHERS: usize = 16;

/// The regions that statuses name beside those of `--regions`.
#[derive(Default)]
pub(crate) struct Places(Mutex<BTreeSet<String>>);

impl Places {
    /// Lets a region through that the operator was told of, or that is one of the first that statuses name beside.
    ///
    /// # Errors
    /// `RegionNotServed`: they are too many.
    pub(crate) fn require(&self, region: &str, told: &[String]) -> Result<(), Failure> {
        let mut others = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.iter().any(|it| it == region) || others.contains(region) {
            return Ok(());
        }
        if others.len() < OTHERS {
            others.insert(region.to_owned());
            return Ok(());
        }
        let message = format!(
            "The status names {region}, which is not one of --regions, and so do other statuses for {OTHERS} regions more: add \
             {region} to --regions (aws.regions of the chart)"
        );
        Err(Failure::new(FailureClass::RegionNotServed, message))
    }

    /// Those beside the regions that the operator was told of.
    pub(crate) fn others(&self) -> Vec<String> {
        let others = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        others.iter().cloned().collect()
    }

    /// Nothing is known of statuses: another has led.
    pub(crate) fn clear(&self) {
        let mut others = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        others.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_may_name_sixteen_regions_beside_those_that_were_told() {
        let (places, told) = (Places::default(), vec!["us-west-2".to_owned()]);
        let require = |region: &str| {
            let required = places.require(region, &told);
            required.map_err(|failure| failure.class)
        };
        for number in 1..=16 {
            assert_eq!(require(&format!("xx-west-{number}")), Ok(()));
        }
        assert_eq!(require("xx-west-17"), Err(FailureClass::RegionNotServed));
        assert_eq!(
            (require("xx-west-1"), require("us-west-2")),
            (Ok(()), Ok(()))
        );
        assert_eq!(places.others().len(), 16);
        places.clear();
        assert_eq!(require("xx-west-17"), Ok(()));
    }
}
