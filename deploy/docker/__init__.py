"""What makes the images of docker-compose.yml, and what their containers run beside a service. Imports nothing of ours."""
