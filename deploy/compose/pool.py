"""Creates a user pool in the Cognito emulator, with a client and a user.

    pool.py         creates what does not exist yet, and prints the two IDs
    pool.py token   prints an access token of the user

The emulator needs no AWS credentials, so this script needs no AWS library.
"""

import json
import os
import sys
import urllib.error
import urllib.request

ENDPOINT = os.environ["COGNITO"]
POOL, CLIENT, USER, PASSWORD = "sample", "web", "ann@example.org", "Secret-123!"


def ask(operation, **parameters):
    """Calls one operation of Cognito's API and returns its answer."""
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"AWSCognitoIdentityProviderService.{operation}",
        # The emulator reads only the region from a signature.
        "Authorization": "AWS4-HMAC-SHA256 Credential=none/20260101/us-east-1/cognito-idp/aws4_request, SignedHeaders=host, Signature=none",
    }
    request = urllib.request.Request(ENDPOINT, json.dumps(parameters).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or b"{}")


def find():
    """Returns the IDs of the pool and its client, or None if there is no pool."""
    for pool in ask("ListUserPools", MaxResults=60)["UserPools"]:
        if pool["Name"] == POOL:
            clients = ask("ListUserPoolClients", UserPoolId=pool["Id"], MaxResults=60)["UserPoolClients"]
            return pool["Id"], clients[0]["ClientId"]
    return None


def make():
    """Creates the pool, its client, and a user in the group admin."""
    pool = ask("CreateUserPool", PoolName=POOL, UsernameAttributes=["email"], AutoVerifiedAttributes=["email"])["UserPool"]["Id"]
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    client = ask("CreateUserPoolClient", UserPoolId=pool, ClientName=CLIENT, GenerateSecret=False, ExplicitAuthFlows=flows)
    client = client["UserPoolClient"]["ClientId"]
    ask("SignUp", ClientId=client, Username=USER, Password=PASSWORD, UserAttributes=[{"Name": "email", "Value": USER}])
    ask("AdminConfirmSignUp", UserPoolId=pool, Username=USER)
    ask("CreateGroup", UserPoolId=pool, GroupName="admin")
    ask("AdminAddUserToGroup", UserPoolId=pool, GroupName="admin", Username=USER)
    return pool, client


def main(arguments):
    pool, client = find() or make()
    if arguments == ["token"]:
        asked = {"USERNAME": USER, "PASSWORD": PASSWORD}
        signed_in = ask("InitiateAuth", ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=asked)
        print(signed_in["AuthenticationResult"]["AccessToken"])
    else:
        print(f"pool {pool}, client {client}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except urllib.error.HTTPError as refused:
        sys.exit(f"pool: {refused}: {refused.read().decode()}")
