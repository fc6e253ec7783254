"""Mills a Parquet file with Daft: python with_daft.py in.parquet out pipeline.yaml"""

import sys

import daft

import hanmill
from hanmill.daft import look, partials, process

source, target, recipe = sys.argv[1:]
pipeline = hanmill.Pipeline(recipe)
documents = daft.read_parquet(source)
look(documents, pipeline)
process(documents, pipeline).write_parquet(target)
print(hanmill.merge(pipeline, partials(documents, pipeline), target + ".report"))
