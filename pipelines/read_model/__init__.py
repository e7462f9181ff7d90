"""The keyed read model beside a store: its migrations, the runs that it lacks, and its rebuild."""
