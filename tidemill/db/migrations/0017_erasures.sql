-- What steps of flows held that are to be erased once the flow is over, and have not been.
create index job_to_erase on job (root_job)
where root_job is not null and (options ->> 'delete_after_use') = 'true' and (options ->> 'deleted') is null;
