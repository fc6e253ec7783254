"""Mills a Parquet file with Ray Data: python with_ray.py in.parquet out pipeline.yaml"""

import sys

import ray

import hanmill
from hanmill.ray import partials, process

source, target, recipe = sys.argv[1:]
pipeline = hanmill.Pipeline(recipe)
documents = ray.data.read_parquet(source)
process(documents, pipeline).write_parquet(target)
print(hanmill.merge(pipeline, partials(documents, pipeline), target + ".report"))
