-- The job that locks the scripts that stand in a version of a flow; null: they had their locks, or there are none.
alter table flow_version add column lock_job uuid;
