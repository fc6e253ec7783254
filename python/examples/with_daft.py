"""Mills a Parquet file with Daft: python with_daft.py in.parquet out pipeline.yaml"""

import sys

import daft

import hanmill
from hanmill.daft import partials, process

source, target, recipe = sys.argv[1:]
pipeline = hanmill.Pipeline(recipe)
documents = daft.read_parquet(source)
process(documents, pipeline).write_parquet(target)
print(hanmill.merge(pipeline, partials(documents, pipeline), target + ".report"))
