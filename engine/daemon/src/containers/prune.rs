//! `POST /containers/prune`.

use super::error::ContainerError;
use super::filters::{Filters, prunable};
use super::{ContainerService, RemoveOptions};
use crate::time::Time;
use hull_api::ContainersPruneReport;

impl ContainerService {
    /// Removes all containers that don't run and that the filters mean.
    ///
    /// # Errors
    /// When a filter is unknown.
    pub async fn prune(&self, filters: &Filters) -> Result<ContainersPruneReport, ContainerError> {
        if let Some(key) = filters.keys().find(|key| !matches!(key.as_str(), "label" | "label!" | "until")) {
            return Err(ContainerError::BadParameter(format!("invalid filter '{key}'")));
        }
        let until = match filters.get("until").map(Vec::as_slice) {
            None | Some([]) => None,
            Some([one]) => Some(Time::parse_query(one).map_err(|e| ContainerError::BadParameter(e.to_string()))?),
            Some(_) => return Err(ContainerError::BadParameter("more than one until filter specified".to_owned())),
        };
        let mut report = ContainersPruneReport::default();
        let prunable: Vec<_> = self.all().into_iter().filter(|container| prunable(container, filters, until)).collect();
        let sizes = self.sizes(&prunable).await;
        for (container, size) in prunable.iter().zip(sizes) {
            match self.remove(container.id.as_str(), RemoveOptions::default()).await {
                Ok(()) => {
                    report.containers_deleted.push(container.id.to_string());
                    report.space_reclaimed += u64::try_from(size.writable).unwrap_or_default();
                }
                // Started or removed by somebody else meanwhile; a prune goes on.
                Err(error) => tracing::debug!(container = %container.id, %error, "not pruned"),
            }
        }
        let reclaimed = report.space_reclaimed.to_string();
        let event = crate::events::Event::new(crate::events::Kind::Container, "prune", "").with("reclaimed", reclaimed);
        self.shared.events.publish(event);
        Ok(report)
    }
}
