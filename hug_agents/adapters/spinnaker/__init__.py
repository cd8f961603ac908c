"""The target `spinnaker`: a bundle's pipelines are saved, started with the order's key, and followed to their end."""
